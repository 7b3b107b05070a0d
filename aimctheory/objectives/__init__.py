"""One file each: an objective is a gradient and the constants theory needs."""
