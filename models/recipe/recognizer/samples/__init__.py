"""The recordings of data/samples that this recipe makes: what is said in each, and how it is recorded.

`script.tsv` has a line for each sentence: file, engine, voice, English, Persian. All sentences are among those that
the phrasebook holds out of any training, all voices among those that training never hears. They were chosen for what
the starter models recognise and translate without an error: they show what the product does well, not how often.
"""
