export {
  createAuthority,
  loopbackNames,
  selfSigned,
  type TestAuthority,
  type TestCertificate,
  type Validity,
  writeCertificate,
} from "./certificates.ts";
