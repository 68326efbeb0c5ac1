// SPDX-License-Identifier: Apache-2.0
//
// Memory for the arrays of kernels under test, with a forbidden page behind it.

import Foundation

/// An array that ends where readable memory ends: a kernel that reads or writes past it crashes.
final class GuardedArray<Element: BitwiseCopyable> {
  let start: UnsafeMutablePointer<Element>
  private let count: Int
  private let mapping: UnsafeMutableRawPointer
  private let mappedBytes: Int

  init(_ elements: [Element]) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    count = elements.count
    let bytes = count * MemoryLayout<Element>.stride
    let used = (bytes + page - 1) / page * page
    mappedBytes = used + page
    guard
      let mapping = mmap(
        nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      mapping != MAP_FAILED
    else { fatalError("no memory for a test array") }
    self.mapping = mapping
    mprotect(mapping + used, page, PROT_NONE)
    start = (mapping + (used - bytes)).bindMemory(to: Element.self, capacity: count)
    start.update(from: elements, count: count)
  }

  deinit { munmap(mapping, mappedBytes) }

  var elements: [Element] { Array(UnsafeBufferPointer(start: start, count: count)) }
}
