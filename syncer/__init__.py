"""Keeps product and roadmap items in step across Jira, GitHub Issues and Linear."""
