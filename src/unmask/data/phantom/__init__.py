"""Simulated microscope images with exact truth: any window of an image of any size."""

from unmask.data.phantom.phantom import Phantom, write_folder

__all__ = ["Phantom", "write_folder"]
