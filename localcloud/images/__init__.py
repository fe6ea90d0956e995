"""The images that the local cloud runs, made without a public registry."""

from localcloud.images.build import AppImage, ImageBuilder
from localcloud.images.service import AppService, Fault

__all__ = ["AppImage", "AppService", "Fault", "ImageBuilder"]
