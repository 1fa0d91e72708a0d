/* The little of a C library that the bindings and a rule need. Memory is handed out and never
 * taken back: an instance lives for one call. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 65536u

extern unsigned char __heap_base;
static uintptr_t next;

/* In front of each piece stands its size, so that it can be copied when it has to grow. */
#define HEAD 16u

void *malloc(size_t size) {
  if (next == 0) next = ((uintptr_t)&__heap_base + HEAD - 1) & ~(uintptr_t)(HEAD - 1);
  if (size > SIZE_MAX / 2) abort();
  uintptr_t begin = next + HEAD;
  uintptr_t end = (begin + size + HEAD - 1) & ~(uintptr_t)(HEAD - 1);
  size_t have = __builtin_wasm_memory_size(0);
  if (end < begin) abort();
  size_t need = (end + PAGE - 1) / PAGE;
  if (need > have && __builtin_wasm_memory_grow(0, need - have) == (size_t)-1) abort();
  *(size_t *)(begin - HEAD) = size;
  next = end;
  return (void *)begin;
}

void *calloc(size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) abort();
  /* Memory of WebAssembly begins as zeros and is never handed out twice. */
  return malloc(count * size);
}

void *realloc(void *old, size_t size) {
  void *fresh = malloc(size);
  if (old != NULL) {
    size_t had = *(size_t *)((uintptr_t)old - HEAD);
    memcpy(fresh, old, had < size ? had : size);
  }
  return fresh;
}

void *aligned_alloc(size_t alignment, size_t size) {
  if (alignment > HEAD) abort();
  return malloc(size);
}

void free(void *piece) { (void)piece; }

void abort(void) { __builtin_trap(); }

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *t = to;
  const unsigned char *f = from;
  while (size--) *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size_t size) {
  unsigned char *t = to;
  while (size--) *t++ = (unsigned char)value;
  return to;
}

int memcmp(const void *one, const void *other, size_t size) {
  const unsigned char *a = one, *b = other;
  for (; size--; a++, b++)
    if (*a != *b) return *a - *b;
  return 0;
}

size_t strlen(const char *chars) {
  const char *end = chars;
  while (*end) end++;
  return (size_t)(end - chars);
}
