"""Dead letters for operators: read, shown, and fed to the intake again."""
