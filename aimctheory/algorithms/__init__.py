"""One file each: an algorithm is a record of its arrays, its numbers and its step."""
