"""Kaldi's file formats, as libvosk 0.3.45 reads them."""
