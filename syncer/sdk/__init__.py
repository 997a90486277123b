"""For authors of connectors: HTTP with retries and limits, and the contract suite."""
