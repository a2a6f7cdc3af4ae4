"""Repositories of the Hugging Face hub, or of a mirror of it. Reading them needs the extra `hub`, loaded when used."""
