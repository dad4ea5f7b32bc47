"""Formats beyond what OpenCV and Pillow read of a picture: files of any size, with their geography."""
