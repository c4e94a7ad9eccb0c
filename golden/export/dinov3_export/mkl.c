/* MKL asks these two, through the dynamic linker, whether the processor is Intel's. Preloaded, they come before its own and say
   yes; which instructions there are MKL finds out by itself. `mkl.py` tells why, and looks whether they were asked. */
int dinov3_mkl_asked = 0;
int mkl_serv_intel_cpu_true(void) { return dinov3_mkl_asked = 1; }
int mkl_serv_intel_cpu(void) { return dinov3_mkl_asked = 1; }
