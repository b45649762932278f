"""A board in a virtual machine (software emulation), to be cut off from its power.

`image.py` makes its disk, `qemu.py` runs it, `guest.py` is the lesson inside, `write_log.py` says
what a disk with a volatile cache still has when the power goes.
"""
