"""The HTTP interface: the wire that clients of video models already speak, and our own verification."""
