"""NF4 QLoRA training of teachers and students."""
