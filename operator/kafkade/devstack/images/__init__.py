"""Container images without a container engine: the repository's Dockerfiles, carried out on root file systems.

``recipes.py`` knows the images, ``build.py`` carries out a Dockerfile, ``archive.py`` packs what comes of it. Base
images are made of Debian packages (``rootfs.py``), since there is no registry to pull them from.
"""
