// Shared by the forward and backward kernels of attention.
#ifndef NEAP_PASSES_LOWER_KERNELS_ATTENTION_H
#define NEAP_PASSES_LOWER_KERNELS_ATTENTION_H

#include "passes/Lower/Kernels/AttentionTiles.h"

namespace neap {

/// The attributes that both ops carry.
struct AttentionShape {
  template <typename Op>
  explicit AttentionShape(Op op)
      : heads(op.getHeads()), kvHeads(op.getKvHeads()),
        headDim(op.getHeadDim()), scale(op.getScale().convertToFloat()) {}

  int64_t getGroup() const { return heads / kvHeads; }
  int64_t queryStride() const { return heads * headDim; } ///< q, o and theirs
  int64_t keyStride() const { return kvHeads * headDim; } ///< k, v and theirs

  int64_t heads, kvHeads, headDim;
  double scale;
};

/// Hands out consecutive arrays of floats from a thread's scratch; each size
/// is a multiple of 16, so that every array is aligned to 64 bytes.
class ScratchArrays {
public:
  ScratchArrays(KernelBuilder &b, mlir::Value base) : b(b), base(base) {}
  mlir::Value take(int64_t floats) {
    mlir::Value array = b.address(base, b.index(used), b.getF32Type());
    used += (floats + 15) / 16 * 16;
    return array;
  }

private:
  KernelBuilder &b;
  mlir::Value base;
  int64_t used = 0;
};

/// Bytes of `rowTiles` row tiles, one square tile and `vectors` figures per
/// token.
inline int64_t getTileBytes(const KernelTarget &target, int64_t headDim,
                            int64_t rowTiles, int64_t vectors) {
  constexpr int64_t block = AttentionTiles::kBlock;
  int64_t padded = AttentionTiles::getPadded(target.vectorFloats, headDim);
  int64_t rowTile = (block * padded + 15) / 16 * 16;
  return 4 * (rowTiles * rowTile + block * block + vectors * block);
}

void attachAttentionBackwardKernel(mlir::MLIRContext &context);

} // namespace neap
#endif
