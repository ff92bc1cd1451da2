// Options that programs of the asan preset start with.
// LLVM's allocators poison what they have not handed out, but only where they
// are compiled with AddressSanitizer: our code would poison slabs that the
// distribution's libMLIR then uses.

extern "C" const char *__asan_default_options();
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0";
}
