"""The programs that are compared, each as its library's guide and its expert would write it, and what they share.

They run in environments of their own (`environments/`): here only the standard library may be imported without need.
"""
