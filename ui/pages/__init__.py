"""The pages of the application, a file each."""
