#include "passes/Lower/KernelTiles.h"

using namespace neap;

KernelTarget neap::getDefaultTiles(int64_t vectorFloats) {
  KernelTarget target;
  target.vectorFloats = vectorFloats;
  // Accumulators take half of AVX-512's and NEON's 32 registers, and 12 of
  // AVX2's 16; the rest hold the panel row and one broadcast.
  target.tileRows = vectorFloats == 8 ? 6 : 8;
  target.tileVectors = 2;
  target.contractionBlock = 512;
  target.panelGroup = 8;
  return target;
}
