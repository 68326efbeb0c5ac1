// SPDX-License-Identifier: Apache-2.0
//
// A library that is built only to be called by a verification: it lies in a folder of its own, which
// goes when it is no longer needed.

import Differentiation
import MixFuseRuntime
import MixFuseShared

/// A library in a temporary folder.
final class TemporaryLibrary {
  let library: Library
  private let folder: TemporaryFolder

  /// Builds and loads the library of a compilation, through the build cache if that is wanted.
  ///
  /// - Throws: `CompilationFailure`, `RuntimeError`.
  init(_ compilation: Compilation, usesCache: Bool) throws {
    folder = try Compilation.temporaryFolder()
    let cache = usesCache ? Compilation.defaultCache : nil
    library = try Library(path: compilation.build(into: folder.path, cache: cache).library)
  }

  /// The outputs of an entry point. Inputs are converted to the library's element types; arrays that
  /// it does not take are passed over.
  ///
  /// - Throws: `RuntimeError`, also for a NaN in an input.
  func outputs(
    of entry: EntryPoint, for inputs: NamedArrays, pool: ThreadPool
  ) throws(RuntimeError) -> NamedArrays {
    let session = try Session(library, entryPoint: entry.rawValue, pool: pool)
    session.conversion = .whenNeeded
    session.rejectsNaN = true
    for input in session.entryPoint.inputs {
      if let array = inputs[input.name] { try session.setInput(input.name, to: array) }
    }
    try session.run()
    return session.outputs
  }
}
