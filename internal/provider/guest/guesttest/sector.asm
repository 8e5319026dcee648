# SPDX-License-Identifier: MPL-2.0
# All the system that most of the tests need: a boot sector. It writes the file "text"
# to the serial port, does one thing, writes the file "later", and halts. Put together
# with --defsym of:
#   seed=1  first writes what stands in the second disk from "hello, " to the end of the line
#   off=1   turns the machine off
#   fill=1  writes to the disk without an end
        .code16
        .globl  _start
_start: xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $_start, %sp
        cld
.ifdef seed
        movb    $0x81, %dl
look:   movb    $0x42, %ah              # reads the next sector to 0x7e00
        movw    $packet, %si
        int     $0x13
        jc      print
        incw    lba
        movw    $0x7e00, %di
try:    movw    $hello, %si             # compares each place of it with "hello, "
        movw    %di, %bx
        movw    $(known - hello), %cx
        repe    cmpsb
        je      found
        leaw    1(%bx), %di
        cmpw    $0x8000, %di
        jb      try
        jmp     look
found:  movw    $label, %si
        call    write
        movw    %bx, %si
copy:   lodsb
        cmpb    $' ', %al
        jb      print
        call    put
        jmp     copy
.endif
print:  movw    $text, %si
        call    write
.ifdef off
        movw    $0x604, %dx             # the machine's power management
        movw    $0x2000, %ax
        outw    %ax, %dx
.endif
.ifdef fill
        movw    $packet, %si
        movw    $64, 2(%si)
more:   addw    $64, lba
        movw    $0x4300, %ax            # writes 32 KiB
        movb    $0x80, %dl
        int     $0x13
        jmp     more
.endif
        movw    $75, %cx                # 4 seconds, of 18.2 ticks each
wait:   movw    0x46c, %ax
tick:   hlt
        cmpw    %ax, 0x46c
        je      tick
        loop    wait
        movw    $later, %si
        call    write
halt:   hlt
        jmp     halt

write:  lodsb
        testb   %al, %al
        jz      done
        call    put
        jmp     write
done:   ret

put:    pushw   %dx
        pushw   %ax
        movw    $0x3fd, %dx
full:   inb     %dx, %al
        testb   $0x20, %al
        jz      full
        popw    %ax
        movw    $0x3f8, %dx
        outb    %al, %dx
        popw    %dx
        ret

.ifdef seed
hello:  .ascii  "hello, "
known:
label:  .asciz  "SEED "
.endif
packet: .byte   16, 0
        .word   1, 0x7e00, 0
lba:    .quad   0
text:   .incbin "text"
        .byte   0
later:  .incbin "later"
        .byte   0
        .org    510
        .word   0xaa55
