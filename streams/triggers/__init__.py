"""One file per trigger, in a folder per family; the file name is the trigger's name everywhere."""
