/* Preloaded into peers that have no switch for it: makes the processor look as if it had AVX2 at most.
 * CPUID is made to fault (arch_prctl ARCH_CPUID), and the handler gives the answer without the AVX-512 and AMX bits.
 * Linux on x86-64 with CPUID faulting only; where that is missing, nothing is changed and a line on stderr says so. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

/* What the program asked for SIGSEGV: kept here, and called for faults that are not ours. Node sets all signals to their
 * defaults at its start. */
static struct sigaction theirs;
static int (*setAction)(int, const struct sigaction*, struct sigaction*);

int sigaction(int signal, const struct sigaction* action, struct sigaction* old) {
  if (setAction == NULL) setAction = (int (*)(int, const struct sigaction*, struct sigaction*))dlsym(RTLD_NEXT, "sigaction");
  if (signal != SIGSEGV) return setAction(signal, action, old);
  if (old != NULL) *old = theirs;
  if (action != NULL) theirs = *action;
  return 0;
}

static void answer(greg_t* r) {
  uint32_t a = (uint32_t)r[REG_RAX], c = (uint32_t)r[REG_RCX], leaf = a, subleaf = c, b, d;
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
  if (leaf == 7 && subleaf == 0) {
    b &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31); /* F DQ IFMA PF ER CD BW VL */
    c &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);                                    /* VBMI VBMI2 VNNI BITALG VPOPCNTDQ */
    d &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);               /* 4VNNIW 4FMAPS VP2INTERSECT AMX FP16 */
  }
  if (leaf == 7 && subleaf == 1) a &= ~(1u << 4 | 1u << 5 | 1u << 21); /* AVX-VNNI, AVX512-BF16, AMX-FP16 */
  if (leaf == 0xd && subleaf == 0) a &= ~0xe0u;                         /* no AVX-512 state */
  r[REG_RAX] = a, r[REG_RBX] = b, r[REG_RCX] = c, r[REG_RDX] = d;
  r[REG_RIP] += 2;
}

static void onFault(int signal, siginfo_t* info, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  const uint8_t* at = (const uint8_t*)r[REG_RIP];
  if (info->si_code == SI_KERNEL && at[0] == 0x0f && at[1] == 0xa2) return answer(r);
  if ((theirs.sa_flags & SA_SIGINFO) != 0) {
    theirs.sa_sigaction(signal, info, context);
  } else if (theirs.sa_handler != SIG_DFL && theirs.sa_handler != SIG_IGN) {
    theirs.sa_handler(signal);
  } else {
    setAction(signal, &theirs, NULL); /* happens again, and ends the process */
  }
}

__attribute__((constructor)) static void start(void) {
  struct sigaction action = {0};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  struct sigaction none;
  sigaction(SIGUSR2, NULL, &none); /* finds setAction */
  setAction(SIGSEGV, &action, NULL);
  if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0) fprintf(stderr, "avx2_only: this processor cannot hide its features\n");
}
