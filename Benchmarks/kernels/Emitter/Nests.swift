// SPDX-License-Identifier: Apache-2.0
//
// Takes the programs through the compiler's own passes, scheduler and emitter, and writes two files:
// nests.c has the programs and a table `cases` that nests_driver.c walks, peak.c what they are
// measured against.

import CEmission
import Differentiation
import Foundation
import Kernels
import MixFuse
import Optimization
import Scheduling
import TensorIR

/// The C of one row of the table: the arrays of a program, and the program.
private func tableRow(_ number: Int, _ title: String, _ program: Program) -> (
  arrays: String, row: String
) {
  let arrays =
    program.inputs.map { ($0.type, $0.range.map { $0.upperBound + 1 } ?? 0) }
    + program.outputs.map { ($0.type, 0) }
  let fields = arrays.map { type, bound in
    "{\(type.byteCount), \(type.dtype.isFloat ? type.dtype.byteCount : 0), \(bound)}"
  }
  let shape = program.inputs.first?.type.shape.map { "\($0)" }.joined(separator: " x ") ?? ""
  return (
    "static const nest_array arrays_\(number)[] = {\(fields.joined(separator: ", "))};\n",
    "  {\"\(title)\", \"\(shape)\", run_\(number), arrays_\(number), \(program.inputs.count), "
      + "\(program.outputs.count), \(program.arenaBytes), \(program.workerArenaBytes), "
      + "\(program.flops)},\n"
  )
}

/// Writes all programs into a folder.
func writeNests(_ dtype: DType, on machine: Machine, into folder: URL) throws {
  let options = ScheduleOptions(for: machine)
  let passes = Pipelines.standard(for: DerivationOptions())
  let cases = try NestPrograms(dtype: dtype).all()
  let programs = try cases.enumerated().map { number, item in
    try schedule(runPasses(item.graph, passes), named: "case\(number)", options: options)
  }
  var text =
    emitLibrary(named: "nests", entryPoints: programs, banner: []).source
    + "\n#include \"nests_driver.h\"\n"
  var rows = ""
  for (number, (item, program)) in zip(cases, programs).enumerated() {
    text += """
      static int32_t run_\(number)(const void *const *inputs, void *const *outputs, void *arena,
          const mixfuse_parallel *parallel) {
        return nests_case\(number)((const nests_case\(number)_inputs *)(const void *)inputs,
            (const nests_case\(number)_outputs *)(const void *)outputs, arena, parallel);
      }

      """
    let (arrays, row) = tableRow(number, item.title, program)
    text += arrays
    rows += row
  }
  text += "const nest_case cases[] = {\n\(rows)};\nconst int case_count = \(cases.count);\n"
  let peak = RuntimeHelpers.closure(of: ["mf_machine_peak"]).map { RuntimeHelpers.text(of: $0) }
  try text.write(to: folder.appending(path: "nests.c"), atomically: true, encoding: .utf8)
  try peak.joined(separator: "\n").write(
    to: folder.appending(path: "peak.c"), atomically: true, encoding: .utf8)
}
