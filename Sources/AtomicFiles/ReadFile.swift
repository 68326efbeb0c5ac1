// SPDX-License-Identifier: Apache-2.0
//
// Reading a small file whole, without waiting for a pipe or filling the memory from a device.

import Foundation

/// The bytes of a regular file, or nil if it cannot be read or is longer than `limit`.
package func readRegularFile(_ path: String, limit: Int) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
    status.st_size <= limit
  else { return nil }
  let size = Int(status.st_size)
  let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    while count < size {
      let got = read(descriptor, buffer.baseAddress.map { $0 + count }, size - count)
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else { break }
      count += got
    }
  }
  return bytes.count == size ? bytes : nil
}
