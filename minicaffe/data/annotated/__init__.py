"""Images with objects: records, and what chance does to an image and to the boxes in it.

After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector", 2016,
section 2.2 and its fork of Caffe. Pixels are (H, W, C) arrays, blue, green and red where there
are three; boxes are shares of the image's sides.
"""
