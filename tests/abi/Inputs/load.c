/* Opens the shared library as a plug-in, and calls it by name. */
#include "problem.h"

#include "plugin.h"

typedef attn_status (*call)(const ENTRY(_core_args) *, const attn_context *);
typedef uint64_t (*workspace)(const attn_maxima *);
typedef const char *(*info)(void);

uint64_t ENTRY(_core_workspace)(const attn_maxima *maxima) {
  return ((workspace)find(TEXT(NAME) "_core_workspace"))(maxima);
}

int main(int argc, char **argv) {
  problem *p;
  library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!library) {
    printf("FAIL: %s\n", dlerror());
    return 1;
  }
  p = pose(2, 9, 40, 1);
  poison(p);
  if (((call)find(TEXT(NAME) "_core"))(&p->args, &p->context) ||
      !(largest_error(p) < 1e-4)) {
    printf("FAIL: %s\n", p->text);
    return 1;
  }
  if (!strstr(((info)find(TEXT(NAME) "_info"))(), "\"schema\": 1")) {
    printf("FAIL: info is no manifest\n");
    return 1;
  }
  printf("loaded and right\n");
  return 0;
}
