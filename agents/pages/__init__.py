"""The pages of the documentation that come from the code, and the site that all pages make."""
