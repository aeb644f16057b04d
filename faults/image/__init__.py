"""The workers' image as it is to be run: what is in it, and how it lives and dies beside real servers."""
