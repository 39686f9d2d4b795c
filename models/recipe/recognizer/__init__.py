"""The English starter model for Vosk: from phrasebook sentences to a directory that libvosk loads.

The way through, one module or package a step:

    plan         who says what, and which sentences and voices training never meets
    voices       the synthesizers and the human digits behind one call: text in, samples and word times out
    corpus       speech and features on disk, in shards, so that an interrupted run goes on where it stopped
    acoustics    phones, pronunciations, augmentation, features, LF-MMI training of a TDNN-F
    decoding     language model and decoding graph, through OpenFst's own command-line tools
    kaldi        Kaldi's binary objects and the model directory
    scores       the table of the model card, by the real libvosk
    samples      the recordings in data/samples

Nothing here runs at import, and nothing but the training needs torch.
"""
