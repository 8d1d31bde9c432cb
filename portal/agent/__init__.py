"""The desktop agent: what it reads of how a computer is used, keeps and sends. It needs nothing else of ours."""
