// SPDX-License-Identifier: Apache-2.0
//
// Every error the runtime reports, with its text. One enum, so that a caller can switch over it and
// a reader finds all messages in one place. Texts are lower case, have no full stop, and say what
// was found, what was expected, and the repair where it is known. All of these are mistakes of a
// user or of the surroundings (exit status 1 of the command line), never bugs of the compiler.

/// What can go wrong while reading arrays, loading a library, or calling it.
public enum RuntimeError: Error, Equatable, Sendable {
  /// An array's data does not have the number of elements that its shape asks for.
  case arrayCount(shape: [Int], expected: Int, found: Int)
  /// An input has another element type or shape than the library was built for.
  case arrayMismatch(name: String, expected: String, found: String, isTypeOnly: Bool)
  /// An input that the entry point needs was not given.
  case arrayMissing(name: String, expected: String)
  /// A shape with a negative size, or with more elements than can be counted.
  case arrayShape([Int])
  /// An array was asked for by a name that does not exist; `known` are the names that do.
  case arrayUnknown(name: String, within: String, known: [String])
  /// A library call did not succeed; `status` is what it returned.
  case callFailed(entryPoint: String, status: Int32)
  /// An index array (token ids, labels), given or computed, held a value outside of what it indexes;
  /// `fault` says which, where, what and what was expected. Empty for a library that does not tell.
  case callIndexOutOfRange(entryPoint: String, fault: String)
  /// The machine lacks instructions that the library was compiled for.
  case cpuFeaturesMissing(path: String, cpu: String, features: [String])
  /// Values that the target element type cannot hold, or a conversion that does not exist.
  case conversion(name: String, from: ElementType, to: ElementType, reason: String)
  /// An entry point was asked for by a name that the library does not have.
  case entryPointUnknown(name: String, path: String, known: [String])
  /// A file (or one member of an archive) is not what its format says; `member` is empty for the
  /// whole.
  case fileMalformed(path: String, member: String, expected: String, found: String)
  /// A file could not be opened or read.
  case fileUnreadable(path: String, reason: String)
  /// A file could not be written; whatever was at its path before is unchanged.
  case fileUnwritable(path: String, reason: String)
  /// An array has no usable initializer, so its value cannot be drawn.
  case initializer(name: String, reason: String)
  /// A binding was given the library of another spec, or of the same spec with other sizes.
  case libraryOther(path: String, expected: String, found: String)
  /// The dynamic loader refused the library.
  case libraryUnloadable(path: String, reason: String)
  /// The manifest speaks another version of the calling convention.
  case manifestABI(path: String, expected: Int, found: Int)
  /// The manifest file beside the library is not the manifest inside it.
  case manifestMismatch(path: String, sidecar: String)
  /// The manifest inside the library is damaged or describes something impossible.
  case manifestMalformed(path: String, reason: String)
  /// Memory for `purpose` could not be had.
  case memoryExhausted(purpose: String, bytes: Int)
  /// An input holds a NaN; `index` is the position of the first one.
  case nanInInput(name: String, index: [Int])
  /// Worker threads could not be started.
  case threadsUnavailable(workers: Int, reason: String)

  /// A stable name of the kind of error: the case's name, such as `arrayMismatch`.
  public var id: String {
    Mirror(reflecting: self).children.first?.label ?? "unknown"
  }
}

extension RuntimeError: CustomStringConvertible {
  /// The message for a person, on one line.
  public var description: String {
    switch self {
    case .arrayCount(let shape, let expected, let found):
      return "shape \(shape) needs \(expected) elements, found \(found)"
    case .arrayMismatch(let name, let expected, let found, let isTypeOnly):
      let repair = isTypeOnly ? "; ask for conversion to accept it" : ""
      return "\(name): expected \(expected), found \(found)\(repair)"
    case .arrayMissing(let name, let expected):
      return "\(name): missing, expected \(expected)"
    case .arrayShape(let shape):
      return "shape \(shape): expected sizes of at least 0 whose product can be addressed"
    case .arrayUnknown(let name, let within, let known):
      return "\(name): no such \(within)" + suggestion(for: name, among: known)
    case .callFailed(let entryPoint, let status):
      return "\(entryPoint): the library returned status \(status)"
    case .callIndexOutOfRange(let entryPoint, let fault):
      let what = fault.isEmpty ? "an index array holds a value that is out of range" : fault
      return "\(entryPoint): \(what)"
    case .cpuFeaturesMissing(let path, let cpu, let features):
      return "\(path): built for \(cpu), but this machine does not support "
        + features.joined(separator: ", ") + "; build it again for this machine"
    case .conversion(let name, let from, let to, let reason):
      return "\(name): cannot convert \(from) to \(to): \(reason)"
    case .entryPointUnknown(let name, let path, let known):
      return "\(path): no entry point \(name)" + suggestion(for: name, among: known)
    case .fileMalformed(let path, let member, let expected, let found):
      let place = member.isEmpty ? path : "\(path): \(member)"
      return "\(place): expected \(expected), found \(found)"
    case .fileUnreadable(let path, let reason):
      return "\(path): cannot be read: \(reason)"
    case .fileUnwritable(let path, let reason):
      return "\(path): cannot be written: \(reason)"
    case .initializer(let name, let reason):
      return "\(name): cannot draw a value: \(reason)"
    case .libraryOther(let path, let expected, let found):
      let difference =
        expected == found
        ? "built from \(expected) with other sizes or arrays than the binding"
        : "expected the library of \(expected), found that of \(found)"
      return "\(path): \(difference); use the library and the binding of one build"
    case .libraryUnloadable(let path, let reason):
      return "\(path): cannot be loaded: \(reason)"
    case .manifestABI(let path, let expected, let found):
      return "\(path): this runtime calls libraries of ABI \(expected), found ABI \(found); "
        + "build the library again"
    case .manifestMismatch(let path, let sidecar):
      return "\(path): manifest does not match \(sidecar); build the library again"
    case .manifestMalformed(let path, let reason):
      return "\(path): manifest cannot be used: \(reason)"
    case .memoryExhausted(let purpose, let bytes):
      return "cannot allocate \(bytes) bytes for \(purpose)"
    case .nanInInput(let name, let index):
      return "\(name): NaN at \(index)"
    case .threadsUnavailable(let workers, let reason):
      return "cannot start \(workers) workers: \(reason)"
    }
  }

  /// "; did you mean x" or "; known: a, b" for a misspelt name.
  private func suggestion(for name: String, among known: [String]) -> String {
    if let nearest = closestName(to: name, among: known) {
      return "; did you mean \(nearest)?"
    }
    let shown = known.prefix(8).joined(separator: ", ")
    return known.isEmpty ? "" : "; there are: \(shown)\(known.count > 8 ? ", ..." : "")"
  }
}
