# SPDX-License-Identifier: MPL-2.0
"""grub-bios.py DISK CORE LBA

Puts GRUB for BIOS into a disk image without mounting it: the boot code into
the MBR, and the core image (of grub-mkimage) at LBA, which is sector 1 behind
an MBR partition table, or the start of the BIOS boot partition of a GPT.
"""

import struct
import sys

disk, core, lba = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open("/usr/lib/grub/i386-pc/boot.img", "rb") as file:
    boot = bytearray(file.read(440))  # what follows belongs to the partition table
with open(core, "rb") as file:
    image = bytearray(file.read())
boot[0x5C:0x64] = struct.pack("<Q", lba)  # where the MBR finds the first sector
image[500:508] = struct.pack("<Q", lba + 1)  # and where that finds the rest
with open(disk, "r+b") as file:
    file.write(boot)
    file.seek(lba * 512)
    file.write(image)
