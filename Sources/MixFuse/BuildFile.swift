// SPDX-License-Identifier: Apache-2.0
//
// What a build can write, one name for each kind of file: those of `mixfuse build --emit`.

/// A kind of file that a build writes.
public enum BuildFile: String, CaseIterable, Sendable {
  /// The shared library, `NAME.so`.
  ///
  /// It is opened by its path (`dlopen`, ctypes, CMake's imported targets), so it is called like the
  /// spec; what linkers search for by `-lNAME` is the archive.
  case so
  /// The static library, `libNAME.a`: the machine code of the shared one.
  case a
  /// The whole library as assembly language, `NAME.s`.
  case asm
  /// The C header, `NAME.h`.
  case header
  /// The C source, `NAME.c`.
  case c
  /// The manifest, `NAME.json`.
  case manifest
  /// The Swift binding, `NAME.swift`.
  case swift
  /// The Python binding, `NAME/__init__.py`: a file `NAME.py` could not be imported, because Python
  /// would take `NAME.so` beside it for an extension module of that name.
  case python
  /// The file of pkg-config, `NAME.pc`.
  case pc
  /// The package file of CMake, `NAMEConfig.cmake`.
  case cmake

  /// What is written unless told.
  public static let usual: [BuildFile] = [.so, .header, .c, .manifest, .swift]

  /// The path of the file in the folder that is written to.
  ///
  /// - Parameter library: the library's name.
  package func path(of library: String) -> String {
    switch self {
    case .so: "\(library).so"
    case .a: "lib\(library).a"
    case .asm: "\(library).s"
    case .header: "\(library).h"
    case .c: "\(library).c"
    case .manifest: "\(library).json"
    case .swift: "\(library).swift"
    case .python: "\(library)/__init__.py"
    case .pc: "\(library).pc"
    case .cmake: "\(library)Config.cmake"
    }
  }

  /// The name under which the build cache keeps the file.
  var cacheName: String {
    switch self {
    case .asm: ".s"
    case .header: ".h"
    case .manifest: ".json"
    case .so, .a, .c, .swift, .python, .pc, .cmake: ".\(rawValue)"
    }
  }

  /// Whether the file is written from the manifest each time, so that no cache keeps it.
  var isDescription: Bool { [.swift, .python, .pc, .cmake].contains(self) }

  /// What is wrong with a choice of files, in the words of an error, or nil.
  ///
  /// A build system's file names the library and the header beside it: they must be there.
  package static func fault(of files: [BuildFile]) -> String? {
    guard !files.isEmpty else { return "--emit names nothing to write" }
    for description in [BuildFile.pc, .cmake] where files.contains(description) {
      let hasLibrary = files.contains(.so) || files.contains(.a)
      guard hasLibrary, files.contains(.header) else {
        let missing =
          (hasLibrary ? [] : ["a (or so)"]) + (files.contains(.header) ? [] : ["header"])
        return "--emit \(description.rawValue) describes files that are not written: add "
          + missing.joined(separator: " and ")
      }
    }
    return nil
  }
}
