// SPDX-License-Identifier: Apache-2.0
//
// The second piece of a library: its manifest as a text that functions return.

/// Writes the C of the functions that return a library's manifest.
///
/// - Parameters:
///   - name: the library's name.
///   - json: the manifest.
///   - isForStaticLinking: leaves out `mixfuse_manifest`, the name that every shared library has for
///     whoever loads it: a program that is linked with two libraries could not have it twice.
package func emitManifestSource(
  named name: String, json: String, isForStaticLinking: Bool = false
) -> String {
  var writer = CWriter()
  let functions = ["\(name)_manifest"] + (isForStaticLinking ? [] : ["mixfuse_manifest"])
  let array = isForStaticLinking ? "\(name)_manifest_text" : "manifest"
  writer.comment("The manifest of \(name), as text inside the library.")
  writer.line("#define MF_EXPORT __attribute__((visibility(\"default\")))")
  for function in functions { writer.line("MF_EXPORT const char *\(function)(void);") }
  writer.line()
  writer.line("static const char \(array)[] =")
  let lines = json.split(separator: "\n", omittingEmptySubsequences: false)
  for (index, line) in lines.enumerated() {
    let escaped = line.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    let isLast = index == lines.count - 1
    writer.line("    \"\(escaped)\(isLast ? "\";" : "\\n\"")")
  }
  writer.line()
  for function in functions { writer.line("const char *\(function)(void) { return \(array); }") }
  return writer.text
}
