// SPDX-License-Identifier: Apache-2.0
//
// The build cache as a user meets it: a folder that is not to be trusted is named once and not used.

import Foundation
import Testing

@Suite("build cache of commands")
struct BuildCacheCommandTests {
  @Test("a folder that others may write to is named once, and building goes on without it")
  func untrusted() throws {
    let place = try Workplace()
    let cache = place.file("cache/mixfuse")
    try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
    chmod(cache, 0o777)
    for command in [["build", "-o", place.file("library")], ["verify"]] {
      let process = try place.start(
        [command[0]] + Workplace.smallSinusoid + command.dropFirst(),
        environment: ["XDG_CACHE_HOME": place.file("cache")])
      process.waitUntilExit()
      let result = place.result(of: process)
      #expect(result.exitCode == 0, "\(result.errors)")
      let warnings = result.errors.split(separator: "\n").filter { $0.contains("warning") }
      #expect(warnings.count == 1, "\(result.errors)")
      #expect(warnings[0].contains("the build cache \(cache) is not used: others than its owner"))
    }
    #expect(place.names(in: "cache/mixfuse") == [])
    #expect(place.names(in: "library").count == 5)
  }

  @Test("a library in the cache that somebody changed is not run")
  func changedEntry() throws {
    let place = try Workplace()
    let flags = ["build"] + Workplace.smallSinusoid + ["-o", place.file("library")]
    func build() throws -> String {
      let process = try place.start(flags, environment: ["XDG_CACHE_HOME": place.file("cache")])
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      return place.text("output")
    }
    #expect(try !build().contains("(from the cache)"))
    let library = try place.bytes("library/maml_sinusoid.so")
    let entry = "cache/mixfuse/" + (try #require(place.names(in: "cache/mixfuse").first))
    var bytes = try place.bytes(entry)
    bytes[bytes.count / 2] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: place.file(entry)))
    #expect(try !build().contains("(from the cache)"))
    #expect(try place.bytes("library/maml_sinusoid.so") == library)
    #expect(try build().contains("(from the cache)"))
  }
}
