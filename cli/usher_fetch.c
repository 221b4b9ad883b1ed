/* usher_fetch.c - fetches one document. */
int main(void)
{
    return 1;
}
