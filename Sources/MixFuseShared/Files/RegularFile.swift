// SPDX-License-Identifier: Apache-2.0
//
// Reading and writing descriptors to the end, however many system calls that takes, and small files
// whole, without waiting for a pipe or filling the memory from a device.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The bytes of a regular file, or nil if it cannot be read or is longer than `limit`.
package func readRegularFile(_ path: String, limit: Int = .max) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
    status.st_size <= limit
  else { return nil }
  return readFully(descriptor, size: Int(status.st_size))
}

/// The next `size` bytes of a descriptor, or nil if it has fewer.
package func readFully(_ descriptor: Int32, size: Int) -> [UInt8]? {
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

/// Writes all bytes to a descriptor. A pipe that does not block is waited for until it takes more.
///
/// - Returns: 0, or the `errno` of the call that failed.
package func writeFully(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
  var done = 0
  while done < bytes.count, let base = bytes.baseAddress {
    let written = write(descriptor, base + done, bytes.count - done)
    if written < 0 && errno == EINTR { continue }
    if written < 0 && errno == EAGAIN {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&waiting, 1, -1)
      continue
    }
    guard written > 0 else { return written < 0 ? errno : ENOSPC }
    done += written
  }
  return 0
}
