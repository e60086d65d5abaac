"""Who acts: staff, devices, and the parts of Parstock that record events themselves."""
