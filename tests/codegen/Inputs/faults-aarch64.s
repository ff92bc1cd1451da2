// Microkernels that spill in their loops and call the C library; x29 as a plain
// pointer is no fault.
  .text
spilling_loop:
  str q0, [sp, #16]
.Lloop:
  ldr q1, [sp, #32]
  fadd v0.4s, v0.4s, v1.4s
  subs x0, x0, #1
  b.ne .Lloop
  ret

framed_loop:
  stp x29, x30, [sp, #-32]!
  add x29, sp, #16
.Lframed:
  ldr q1, [x29, #-16]
  subs x0, x0, #1
  b.ne .Lframed
  ldp x29, x30, [sp], #32
  ret

pointer_loop:
  mov x29, x1
.Lpointer:
  ldr q1, [x29]
  subs x0, x0, #1
  b.ne .Lpointer
  ret

calling_row:
  bl expf
  ret
