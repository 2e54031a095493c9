/*
 * rsa_key - a private key that is of nothing, and its signature of "hello.world" as the openssl tool made it.
 *
 * Runs in:  tests.   Reads, writes: nothing.   Does not: belong to any account.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_RSA_KEY_H
#define TESTS_RSA_KEY_H

static const char rsa_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCyH+UzsahwB6I3\n"
                              "lfCgHCBY+7Lt1HxZ68EB3ktDGI74MrPGkE5t7/CevQjLHMXwOIcuE2ywbgdqQHIb\n"
                              "/OhfA0WsaptiNBfLetB2ueOmXVjhK7JjpirN8/p2Fjb+48ES5elrJiPpvd+ToS80\n"
                              "v3XQnWKiiuoYXxATO9ZMSol3msggMnlyXdTAcaCgz6uC03gljDs6lwzH52pBQMI4\n"
                              "qFczVCIXWovkN9l4tS4sAJVvC4H9OWxPRvOSQRSogAxWmsesHUMSkG2vGrUAec1b\n"
                              "HttfxOvtgWcSF3rew0oCm0JZjuhCbDwj0yDNF1CEC1kfAFEWSNWDruP7jXOWCQOj\n"
                              "nAPJKlgLAgMBAAECggEAH2y1GPucxbbzDW9sdjLAGjK9jGvSTGLlOBkpmfq5Llxz\n"
                              "jvJig86y2q5q4LqAyTKP1rcik7W1pS8dcoaZ0DlZj2N3aknacNGH+Yot+Wm6hm8Z\n"
                              "F693GcKTS0X8CdfQdi8NkRO3fkM7MGZdV6b3eAhsIFT1m7sZsOr7kZYMzocGC3fQ\n"
                              "qKNljgU0JgRLUWYUIl5KBGomHvX6uv7lAyRAremf76GVRpiO4rsZQE05+lHQ1zU8\n"
                              "UTW2lOk8uftMfZHMKGPSWwR4R0mZV32MHXxKVObGvIJUjCZxhcef6jbtw2CgGjVA\n"
                              "E0ZGF+Hlgd7yf29Z61pI6PTrGrX5oURKKTBkbJG9oQKBgQDjtGPRthSw+MyEyEz2\n"
                              "/zAfHPlGq2hOFkumhUf002WPM2odVFd0xh8T5I3Zyz/Z+VkFNZzN/3E4smg3YxFX\n"
                              "I0CpQDXUX/pFhcZ3nnA2AKpXDEqK1Lk51vVjWiXcJQh3yOEkwG2AEr4bMIeB2re/\n"
                              "AZ4jvTP9i8u2lnx6xDJz/72GCQKBgQDIQksATs7ItFuCthDxh7qOkle00P3mKk0v\n"
                              "2UE2h+mpZxJged8e4Qof3z1doxdxb5I1oFQcCe/tmm0+SAW/fK8xvPJqo+MW7vfO\n"
                              "HqCRavJ4HJL9ZaTN2HC8gRKEC44F9KoVS5v6Ib/eq2gcj6gPHs2VaB3njUUHocJl\n"
                              "PIb5YWaScwKBgDE6ue4IGLceQ1Fd4M3x5ByF7hrqShW/2kE5RZJX9fgc3I9Uwce8\n"
                              "YdGyMzzoJXjh4O4wZiNfW8IvSDrZT1FwjLVK7Zhp27kWMA+CkK4MPMevH5qeXSF1\n"
                              "KP5+6fqLgyYqpwqEE+iBpNpKBrH7cIh6OA9wA4KIq9Vg+a6tJl9P5lDJAoGAAnTt\n"
                              "vp844jV0OfJJ2uyzWTRqZwl5U+2I7OFZb3XTZASjsRNNrW9NVH7EnfV2QCoCPS4u\n"
                              "Wfm1O9D9LhpsF6FL9OxAfRZtnsZnu9ucVKxfNSIEm583ml7hYy6iL4SExYXu4DwB\n"
                              "OdxYIj8wE8mfYjAajY6tbz3IbwOJAvzvGvga7gkCgYEAptQbqTVNcfB3ROE2f5Ap\n"
                              "di/dzEW2/WJaxGIgt4pi6g6tc8f7YbaU5ypWK1EZ8X+AkPy/QvcDlVZlC0jrUOmD\n"
                              "d3NoLXVcrhyZXW5RezdThV481MhGA8KO7FHmplfVJtg4KY+qoa6z/FwMOGEHMg9o\n"
                              "QedOIKD0BS26SOZ2NXZqOAI=\n"
                              "-----END PRIVATE KEY-----\n";

static const char rsa_signature[] =
    "53fe2a085764f046a1ee79d8577cdc28e7e8674387997cc4d2fc47dd99543c35"
    "15728ffb52d1484574332b6b04902e3b6aebc94bfadb03496713d6f16d7565ec"
    "e811d52634588a9df6b6a40db44242ac9c60260a0afa05f834137ad012f45ef2"
    "67a02c13cd06ed5ec023da3cf24f631bda27dd22ccd94e3aa12b35554368b3f6"
    "7102d2e802d69921108d33000da774b794f41d6e4f080b937befc978a7a3ceaf"
    "79d145d402ad8cf1fa73afe34396fa436c4bf6bcd20872a816ba1be302b25b89"
    "a53c0c281bb079ab8dbdddf7f02533b0fe098c48800420a0535455b774427ee1"
    "9bc67a87e688bc6d629ca6d6701ac596b763e6eb7cd6cd6bdbca10dfdc878580";

#endif
