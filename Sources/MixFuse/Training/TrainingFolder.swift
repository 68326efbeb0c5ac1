// SPDX-License-Identifier: Apache-2.0
//
// The folder of a training run: one run at a time, and nothing of an earlier run is replaced unless
// the user says so.

import Foundation
import MixFuseRuntime
import MixFuseShared

/// A folder that belongs to one training run as long as the object lives.
final class TrainingFolder {
  private let options: TrainingOptions
  private let lock: FolderLock

  /// Makes the folder if need be, takes it, and removes what a killed run left half-written.
  ///
  /// - Throws: `TrainingError.folderTaken`, `.folderOccupied`; `FileFailure`.
  init(_ options: TrainingOptions) throws {
    self.options = options
    do {
      try createFolder(options.folder)
      lock = try FolderLock(folder: options.folder)
    } catch let error as FolderLock.Refusal {
      switch error {
      case .taken(let process):
        throw TrainingError.folderTaken(folder: options.folder, process: process)
      case .failed(let failure):
        throw FileFailure(path: options.folder, code: failure.code)
      }
    }
    Leftovers.remove(in: options.folder)
    if !options.resumes && !options.overwrites, let path = earlierResults.first {
      throw TrainingError.folderOccupied(path: path)
    }
  }

  /// The states of an earlier run.
  private var earlierResults: [String] {
    [options.checkpointPath, options.bestPath].filter {
      var status = stat()
      return lstat($0, &status) == 0
    }
  }

  /// Removes the results of an earlier run.
  ///
  /// - Throws: `FileFailure`.
  func clear() throws {
    for path in earlierResults + [options.logPath, options.curvePath] {
      guard unlink(path) != 0, errno != ENOENT else { continue }
      throw FileFailure(path: path)
    }
  }
}
