// SPDX-License-Identifier: Apache-2.0
//
// Blocks of zeroed memory, aligned to a cache line, for arrays and for arenas. Large blocks come
// from the kernel directly (mmap): their pages cost nothing until touched, they go back when the
// block is freed, and the kernel may use huge pages, which spares the address translation of large
// matrix products.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// One block of zero-initialised memory, freed with the object.
///
/// The object itself does not synchronise access: arrays add value semantics (copy on write),
/// arenas belong to one session. That is why it may be marked as sendable.
final class AlignedMemory: @unchecked Sendable {
  /// Alignment of every block, in bytes: a cache line, and the widest vector of x86.
  static let alignment = 64
  /// Blocks of at least this many bytes are mapped.
  private static let mappingThreshold = 1 << 20

  /// The first byte; valid for `byteCount` bytes and never null, even for an empty block.
  let pointer: UnsafeMutableRawPointer
  /// The size that was asked for, in bytes.
  let byteCount: Int
  private let isMapped: Bool

  /// Allocates `byteCount` zeroed bytes.
  ///
  /// - Parameters:
  ///   - byteCount: the size; 0 gives a block that has an address but no bytes.
  ///   - purpose: what the memory is for, named in the error.
  /// - Throws: `memoryExhausted`, also for a negative size.
  init(byteCount: Int, purpose: @autoclosure () -> String) throws(RuntimeError) {
    guard byteCount >= 0 else {
      throw .memoryExhausted(purpose: purpose(), bytes: byteCount)
    }
    self.byteCount = byteCount
    isMapped = byteCount >= Self.mappingThreshold
    let block = isMapped ? Self.map(byteCount) : Self.allocate(max(byteCount, 1))
    guard let block else {
      throw .memoryExhausted(purpose: purpose(), bytes: byteCount)
    }
    pointer = block
  }

  deinit {
    if isMapped {
      munmap(pointer, byteCount)
    } else {
      free(pointer)
    }
  }

  private static func map(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let protection = PROT_READ | PROT_WRITE
    #if os(Linux)
      let flags = Int32(MAP_PRIVATE) | Int32(MAP_ANONYMOUS)
    #else
      let flags = MAP_PRIVATE | MAP_ANON
    #endif
    guard let block = mmap(nil, byteCount, protection, flags, -1, 0), block != MAP_FAILED else {
      return nil
    }
    #if os(Linux)
      // Only a hint: without huge pages everything works the same, so the result does not matter.
      _ = madvise(block, byteCount, Int32(MADV_HUGEPAGE))
    #endif
    return block
  }

  private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    var block: UnsafeMutableRawPointer?
    guard posix_memalign(&block, alignment, byteCount) == 0, let block else {
      return nil
    }
    memset(block, 0, byteCount)
    return block
  }
}
