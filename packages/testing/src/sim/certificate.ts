/**
 * The certificate of every simulated server. Fixed, because its bytes are part of every handshake: with another one, a seed
 * would mean another course of events. Its key is known to everybody and good for nothing else.
 */

/** P-256, self-signed, for the name "simulation"; DER. */
const chain = [
  "MIIBljCCATugAwIBAgIUatAIqeBwzWXGkRdCfOPLD4WRycowCgYIKoZIzj0EAwIwFTETMBEGA1UEAwwKc2ltdWxhdGlvbjAgFw0y",
  "NjExMjEwMzMwMDdaGA8yMTI2MTAyODAzMzAwN1owFTETMBEGA1UEAwwKc2ltdWxhdGlvbjBZMBMGByqGSM49AgEGCCqGSM49AwEH",
  "A0IABBj1sE6yHPerMInPD9zLOrTVhDMGyVHcCI/NZ9gRws7Ssz12R6gsqic3n4utm2bamknVnXUOjEQ5uR/qmIAVzf+jZzBlMB0G",
  "A1UdDgQWBBQN4i1tetX67gwaJuMv4WYTbFui/DAfBgNVHSMEGDAWgBQN4i1tetX67gwaJuMv4WYTbFui/DAVBgNVHREEDjAMggpz",
  "aW11bGF0aW9uMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDSQAwRgIhANWI4cpAzupuwnies1cvvQhkiFLMwSGjoroiPPRmSD8+",
  "AiEAzfyqThrLc8NR3W/ulmKbbvq2DJJTiCfyZZXBcP9QASM=",
].join("");

/** PKCS#8, DER. */
const key = [
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpLGJV95VyMUQ4I9x8ZAcExWH+O28ufQBAgQeC9aoiwmhRANCAAQY",
  "9bBOshz3qzCJzw/cyzq01YQzBslR3AiPzWfYEcLO0rM9dkeoLKonN5+LrZtm2ppJ1Z11DoxEObkf6piAFc3/",
].join("");

/** DER of certificate and key. */
export const simulationCertificate = {
  chain: Uint8Array.from(Buffer.from(chain, "base64")),
  key: Uint8Array.from(Buffer.from(key, "base64")),
} as const;

/** The name it is for. */
export const simulationName = "simulation";

/** Wall clock of a simulation at its start, in ms since 1970: within the certificate's validity. */
export const simulationWallMillis = Date.UTC(2030, 0, 1);
