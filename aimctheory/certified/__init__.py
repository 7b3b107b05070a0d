"""What is proved about numbers: enclosures, zeros, closed forms, conditions and witnesses."""
