/* usher_worker.c - the verification worker. */
int main(void)
{
    return 1;
}
