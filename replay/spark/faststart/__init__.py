"""What makes a short run start quickly; never needed for a right answer."""
