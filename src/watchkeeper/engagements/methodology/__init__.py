"""The documents that work is made by: roles, guides, templates, contracts and playbooks, read from a commit."""
