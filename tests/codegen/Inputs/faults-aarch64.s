// A microkernel that spills in its loop and calls the C library.
  .text
spilling_loop:
  str q0, [sp, #16]
.Lloop:
  ldr q1, [sp, #32]
  fadd v0.4s, v0.4s, v1.4s
  subs x0, x0, #1
  b.ne .Lloop
  ret

calling_row:
  bl expf
  ret
