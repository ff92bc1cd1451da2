# Microkernels that spill in their loops, call the C library and use AVX-512; a
# stack access outside the loop, rbp as a plain pointer and a phase's calls are
# no faults.
  .text
spilling_loop:
  vmovups %ymm1, -32(%rsp)
.Louter:
  xorl %eax, %eax
.Lloop:
  vmovups -64(%rsp), %ymm0
  vaddps %ymm0, %ymm1, %ymm1
  incl %eax
  cmpl $9, %eax
  jl .Lloop
  vmovups %ymm1, -96(%rsp)
  decl %edi
  jne .Louter
  retq

framed_loop:
  pushq %rbp
  movq %rsp, %rbp
.Lframed:
  vaddps -32(%rbp), %ymm1, %ymm1
  decl %edi
  jne .Lframed
  popq %rbp
  retq

pointer_loop:
  pushq %rbp
  movq %rdi, %rbp
.Lpointer:
  vaddps (%rbp), %ymm1, %ymm1
  decl %esi
  jne .Lpointer
  popq %rbp
  retq

calling_row:
  callq expf@PLT
  retq

wide_row:
  vaddps %zmm0, %zmm1, %zmm1
  vaddps %xmm17, %xmm1, %xmm1
  kmovw %k1, %eax
  vaddps (%rdi){1to8}, %ymm1, %ymm2
  retq

kernel_phase0:
  movl 8(%rsp), %eax
  callq calling_row
  cmpl $9, %eax
  jl kernel_phase0
  retq
