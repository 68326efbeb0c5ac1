// SPDX-License-Identifier: Apache-2.0
//
// A file on disk for what programs write only there: assemblers and objcopy seek in their output or
// look at its name.

import Glibc
import MixFuseShared

/// A file for one object in a folder of its own, gone when the value is released.
final class TemporaryObject {
  private let folder: String
  /// Where it is written and read.
  var path: String { "\(folder)/object.o" }

  /// Makes the folder.
  ///
  /// - Throws: `toolchain.file-unwritable`.
  init() throws(ToolchainError) {
    let parent = environmentVariable("TMPDIR") ?? "/tmp"
    var template = Array("\(parent)/mixfuse-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .fileUnwritable(path: parent, reason: systemMessage(errno))
    }
    folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    unlink(path)
    rmdir(folder)
  }
}
