"""The program as its users meet it: processes, against sandboxes served on loopback."""
