"""From a file or a database to batches of images.

A ``Source`` hands out records; a decoder makes an ``Image`` of each; ``BatchFiller`` takes as
many as a batch has through the ``Transformer`` into a ``Batch``; ``Prefetcher`` has threads do
that ahead of the net. Each is in a module of its own and knows the others' interface alone.
"""
